# why: host-on
kubectl patch host worker-3 --type merge -p '{"spec":{"power":"Off"}}'
