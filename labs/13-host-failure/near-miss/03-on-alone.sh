# why: not-spread
kubectl patch host worker-2 --type merge -p '{"spec":{"power":"On"}}'
