# Twelve times 0.6 CPU is more than three hosts with 2 CPUs can promise: nine fit.
kubectl scale deployment web --replicas=12
