# why: fewer-asked
kubectl scale deployment web --replicas=2
