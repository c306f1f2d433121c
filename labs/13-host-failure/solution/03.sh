# Its agent reports, and tidies up what is over.
kubectl patch host worker-2 --type merge -p '{"spec":{"power":"On"}}'
kubectl wait --for=condition=Ready node/worker-2 --timeout=20s
# New pods are placed anew; old ones never are.
kubectl rollout restart deployment web
