# why: not-found
kubectl apply -f web.yaml
kubectl delete service web
