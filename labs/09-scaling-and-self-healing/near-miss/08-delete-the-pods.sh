# why: still-wanted
kubectl delete pod -l app=web
