# why: not-published
curl -s worker-1:8080
true
