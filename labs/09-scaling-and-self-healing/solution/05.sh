# Change the wish, not the pods.
kubectl scale deployment web --replicas=3
