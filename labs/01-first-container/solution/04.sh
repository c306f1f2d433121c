# It ends without an answer; that is what was asked for.
curl -s worker-1:8080/crash || true
docker wait web
# The same container once more.
docker start web
