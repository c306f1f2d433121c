# why: other-namespace
kubectl create namespace shop
kubectl apply -n shop -f web.yaml
