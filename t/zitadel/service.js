// The life of a stand-in process: listen on loopback, tell the port in a ready file, end on SIGTERM,
// and go away for a while when a test wants connections refused.
'use strict';

const fs = require('node:fs');

// The ready file holds secrets, and nobody ever sees half of it.
function writePrivate(file, value) {
  fs.writeFileSync(`${file}.new`, JSON.stringify(value, null, 2), { mode: 0o600 });
  fs.renameSync(`${file}.new`, file);
}

// A request listener that survives a fault of its own: the client sees a cut connection.
function guarded(handle) {
  return (req, res) =>
    handle(req, res).catch((error) => {
      process.stderr.write(`stand-in: ${error.stack}\n`);
      res.destroy();
    });
}

function serve(server, { journal, port, ready }) {
  server.on('connection', () => {
    journal.connections += 1;
  });
  server.keepAliveTimeout = 60000; // the tests decide when a connection ends
  for (const signal of ['SIGTERM', 'SIGINT']) {
    process.on(signal, () => {
      server.closeAllConnections();
      process.exit(0);
    });
  }
  server.listen(port, '127.0.0.1', () => ready(server.address().port));
}

// Connections are cut and refused for so long, then the same port answers again with nothing forgotten.
// It starts a little later, so that the request which asks for it is answered.
function outage(server, ms) {
  const { port } = server.address();
  setTimeout(() => {
    server.close();
    server.closeAllConnections();
    setTimeout(() => server.listen(port, '127.0.0.1'), ms);
  }, 50);
  return { down_in_ms: 50, back_in_ms: 50 + ms };
}

module.exports = { guarded, outage, serve, writePrivate };
