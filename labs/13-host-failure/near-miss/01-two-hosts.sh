# why: not-spread
kubectl cordon worker-3
kubectl apply -f web.yaml
