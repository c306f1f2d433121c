# The owner goes, and what it owns goes with it.
kubectl delete deployment web
