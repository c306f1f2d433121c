# why: still-wanted
kubectl scale deployment web --replicas=0
