/**
 * A certificate for localhost and hub.test that nobody trusts, for tests alone. Made with:
 *
 *   openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 -subj /CN=localhost \\
 *     -addext 'subjectAltName=DNS:localhost,DNS:hub.test,IP:127.0.0.1' -keyout key -out cert
 */
export const TEST_CERTIFICATE = `-----BEGIN CERTIFICATE-----
MIIBpjCCAUugAwIBAgIUPYDNT3tDnUCLlkBjIOA9PZgLxcIwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMTA4Mzg1OFoYDzIxMjYxMDI4
MDgzODU4WjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAARw8ZXIpUjHcdAu16cSoEZzK3AIBM4g4cBTE2GKBElQDcAQuVAcico/
Ir0LIIYlh+OedOJ74FOpT7Sn2RqjYz0/o3kwdzAdBgNVHQ4EFgQUtrG1CtOUUGyc
dP+YXKeYmDHDUPQwHwYDVR0jBBgwFoAUtrG1CtOUUGycdP+YXKeYmDHDUPQwDwYD
VR0TAQH/BAUwAwEB/zAkBgNVHREEHTAbgglsb2NhbGhvc3SCCGh1Yi50ZXN0hwR/
AAABMAoGCCqGSM49BAMCA0kAMEYCIQCaf/w6W/WMEwYC8lNYMB7KHAW35ADrcnQK
qW9IWfM5JwIhAIsOkZH1mPj+Mb2AUG8yVzjyfCmCRqVz1tqDUYD1d9xI
-----END CERTIFICATE-----
`;

export const TEST_KEY = `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgL8QNNRxwSv+cpn5o
8UEaZhg//o2E1cTj0SGKFwyJEJ+hRANCAARw8ZXIpUjHcdAu16cSoEZzK3AIBM4g
4cBTE2GKBElQDcAQuVAcico/Ir0LIIYlh+OedOJ74FOpT7Sn2RqjYz0/
-----END PRIVATE KEY-----
`;
