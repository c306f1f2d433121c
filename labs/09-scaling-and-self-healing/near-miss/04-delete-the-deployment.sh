# why: not-found
kubectl delete deployment web
