const [host, port, end] = process.argv.slice(1);
const util = require("util");
const socket = require("net").connect({host, port, allowHalfOpen: true});
let connected = false, ended = false;
const finish = () => { if (!ended) { ended = true; process.stdout.write(end); } };
socket.on("connect", () => {
	connected = true;
	process.stderr.write("connected\n");
	process.stdin.pipe(socket);
	socket.pipe(process.stdout, {end: false});
});
socket.on("end", finish);
socket.on("close", () => { finish(); process.stdin.destroy(); });
socket.on("error", e => {
	if (connected) return;
	const known = util.getSystemErrorMap && util.getSystemErrorMap().get(e.errno);
	process.stderr.write((known ? known[1] : e.message) + "\n");
	process.exit(1);
});
process.stdout.on("error", () => process.exit(1));
