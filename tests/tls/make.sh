#!/bin/sh
# Makes the authority and the certificate that the tests' TLS server has, good for a hundred years; needs openssl.
# The keys protect nothing: the server listens on 127.0.0.1 for the length of a test. Run it here to make them anew.
set -eu
cd "$(dirname "$0")"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 36500 -sha256 \
    -subj "/CN=nbchat tests" -keyout authority.key -out authority.pem \
    -addext "basicConstraints=critical,CA:TRUE" -addext "keyUsage=critical,keyCertSign,cRLSign"
openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=localhost" -keyout server.key -out server.csr
printf '%s\n' "basicConstraints=critical,CA:FALSE" "keyUsage=critical,digitalSignature" "extendedKeyUsage=serverAuth" \
    "subjectKeyIdentifier=hash" "authorityKeyIdentifier=keyid" \
    "subjectAltName=DNS:localhost,DNS:api.example.test,IP:127.0.0.1" > server.ext
openssl x509 -req -in server.csr -CA authority.pem -CAkey authority.key -CAcreateserial -days 36500 -sha256 \
    -extfile server.ext -out server.crt
cat server.crt server.key > server.pem
rm -f authority.key authority.srl server.csr server.ext server.crt server.key
