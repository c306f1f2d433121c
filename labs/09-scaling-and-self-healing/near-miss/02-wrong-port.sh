# why: wrong-target-port
sed 's/targetPort: 8080/targetPort: 80/' service.yaml | kubectl apply -f -
