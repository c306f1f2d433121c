kubectl scale deployment web --replicas=1
kubectl rollout status deployment web --timeout=30s
# The host of the pod that is left (one that ends does not count).
template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.spec.nodeName}}{{end}}{{end}}'
host=$(kubectl get pods -l app=web -o go-template="$template")
kubectl patch host "$host" --type merge -p '{"spec":{"power":"Off"}}'
