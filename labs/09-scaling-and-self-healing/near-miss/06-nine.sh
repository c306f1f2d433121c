# why: fewer-asked
kubectl scale deployment web --replicas=9
