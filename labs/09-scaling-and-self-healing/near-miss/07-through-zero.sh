# why: requests-failed
kubectl scale deployment web --replicas=0
kubectl wait --for=delete pod -l app=web --timeout=30s
kubectl scale deployment web --replicas=2
