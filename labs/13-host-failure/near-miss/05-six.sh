# why: more-asked
kubectl patch host worker-1 --type merge -p '{"spec":{"power":"Off"}}'
