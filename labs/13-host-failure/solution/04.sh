# Silence ...
kubectl patch host worker-3 --type merge -p '{"spec":{"power":"Off"}}'
# ... is believed for 20 s; then six are ready without worker-3.
kubectl wait --for=condition=Ready=Unknown node/worker-3 --timeout=40s
kubectl rollout status deployment web --timeout=30s
kubectl patch host worker-3 --type merge -p '{"spec":{"power":"On"}}'
