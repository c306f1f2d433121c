# The spec says how the host should be; the cluster learns nothing of it but the silence.
kubectl patch host worker-2 --type merge -p '{"spec":{"power":"Off"}}'
