"""What PyJWT says to a token, as a service does that has read its documentation: key from our JWKS, issuer, audience.

    python3 verify.py JWKS-URL ISSUER TOKEN      prints "accepted SUBJECT", or "refused ERROR"
"""
import sys

import jwt

jwks, issuer, token = sys.argv[1:]
try:
    key = jwt.PyJWKClient(jwks).get_signing_key_from_jwt(token)
    claims = jwt.decode(token, key.key, algorithms=["ES256", "RS256", "EdDSA", "HS256"], audience="cloudep", issuer=issuer)
    print("accepted", claims["sub"])
except jwt.exceptions.PyJWTError as error:
    print("refused", type(error).__name__)
