# why: host-off
kubectl rollout restart deployment web
