# why: no-room
kubectl set resources deployment web --requests=cpu=1500m
kubectl scale deployment web --replicas=12
