# Deleting by label spares you the generated name. The Deployment makes another pod.
kubectl delete pod -l app=web
