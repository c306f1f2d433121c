# A Service selects the pods by their label app=web and gives them one address.
kubectl apply -f service.yaml
