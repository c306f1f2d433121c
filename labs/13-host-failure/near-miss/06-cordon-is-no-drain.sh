# why: requests-failed
kubectl cordon worker-1
kubectl patch host worker-1 --type merge -p '{"spec":{"power":"Off"}}'
