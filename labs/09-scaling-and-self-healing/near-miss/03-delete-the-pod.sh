# why: no-restart
kubectl delete pod -l app=web
