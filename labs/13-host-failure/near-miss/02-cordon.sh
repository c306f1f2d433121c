# why: host-on
kubectl cordon worker-2
