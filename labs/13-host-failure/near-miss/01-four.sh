# why: fewer-asked
kubectl apply -f web.yaml
kubectl scale deployment web --replicas=4
