# One file, two objects: the Deployment makes the pods, the Service leads to them.
kubectl apply -f web.yaml
