# why: no-room
kubectl scale deployment web --replicas=1
kubectl rollout status deployment web --timeout=30s
template='{{range .items}}{{if not .metadata.deletionTimestamp}}{{.spec.nodeName}}{{end}}{{end}}'
host=$(kubectl get pods -l app=web -o go-template="$template")
kubectl cordon worker-1 worker-2 worker-3
kubectl patch host "$host" --type merge -p '{"spec":{"power":"Off"}}'
# Long enough to be missed.
until kubectl get pods -l app=web --field-selector=status.phase=Pending -o name | grep -q .; do
    kubectl get nodes >/dev/null
done
kubectl wait --for=condition=Ready pod -l app=web --timeout=11s
true
