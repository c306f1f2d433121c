# why: no-room
kubectl patch host worker-2 --type merge -p '{"spec":{"power":"Off"}}'
kubectl patch host worker-3 --type merge -p '{"spec":{"power":"Off"}}'
