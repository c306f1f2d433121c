# The program ends itself when it is asked for /crash; the answer is an error, which is expected.
curl -s worker-1:30080/crash || true
