# Hand in the wish; the Deployment's controller does the rest.
kubectl apply -f web.yaml
