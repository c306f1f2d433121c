# why: host-on
kubectl patch host worker-3 --type merge -p '{"spec":{"power":"Off"}}'
kubectl wait --for=jsonpath='{.status.power}'=Off host/worker-3 --timeout=10s
kubectl patch host worker-3 --type merge -p '{"spec":{"power":"On"}}'
