# why: similar-name
kubectl create deployment webb --image=podlab/web:v1
