# why: container-exited
echo worker-3:8090 >where.txt
