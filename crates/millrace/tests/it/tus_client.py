"""Sends a file with tuspy: tus_client.py API FILE PIECES [UPLOAD], where UPLOAD is the path to go on with.

Prints the path of the upload, then each offset that was acknowledged. After so many pieces it sends
nothing more, and waits to be ended.
"""

import signal
import sys
from urllib.parse import urlsplit

from tusclient.client import TusClient

CHUNK_BYTES = 16 * 1024

api, file, pieces, *upload = sys.argv[1:]
client = TusClient(f"{api}/uploads")
if upload:
    # The rest is checked piece by piece.
    uploader = client.uploader(file, url=f"{api}{upload[0]}", chunk_size=CHUNK_BYTES, upload_checksum=True)
else:
    uploader = client.uploader(file, chunk_size=CHUNK_BYTES, metadata={"filename": "my clip.mp4"})
    uploader.set_url(uploader.create_url())
print(urlsplit(uploader.url).path, flush=True)
print(uploader.offset, flush=True)
for _ in range(int(pieces)):
    if uploader.offset == uploader.get_file_size():
        break
    uploader.upload_chunk()
    print(uploader.offset, flush=True)
else:
    signal.pause()
