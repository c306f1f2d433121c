# why: replicaset-scaled
kubectl scale replicaset -l app=web --replicas=3
