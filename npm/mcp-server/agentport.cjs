#!/usr/bin/env node
// Finds the program in the package of this platform, checks what it is, and becomes it. Nothing here may write to
// standard output: that is the MCP channel.
"use strict";
const { spawn } = require("node:child_process");
const { createHash } = require("node:crypto");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");

const sums = require("./sums.json");

function fail(text) {
    fs.writeSync(2, `agentport: ${text}\n`);
    process.exit(1);
}

const { glibcVersionRuntime } = process.platform === "linux" ? process.report.getReport().header : {};

function target() {
    const musl = process.platform === "linux" && !glibcVersionRuntime;
    return `${process.platform}-${process.arch}${musl ? "-musl" : ""}`;
}

function binary(name) {
    const sum = Object.hasOwn(sums, name) ? sums[name] : undefined;
    if (sum === undefined) fail(`not yet on this system (${name})`);
    const file = process.platform === "win32" ? "agentport.exe" : "agentport";
    let found, needed;
    try {
        const manifest = require.resolve(`@agentport/${name}/package.json`);
        found = path.join(path.dirname(manifest), "bin", file);
        needed = require(manifest).glibc;
    } catch {
        fail(`the package \`@agentport/${name}\` is not installed; install again without \`--omit=optional\``);
    }
    if (needed && glibcVersionRuntime && older(glibcVersionRuntime, needed)) {
        fail(`this program needs glibc ${needed} or newer, and this system has ${glibcVersionRuntime}; build it from source`);
    }
    let bytes;
    try {
        bytes = fs.readFileSync(found);
    } catch (error) {
        fail(`cannot read \`${found}\`: ${error.code}`);
    }
    if (createHash("sha256").update(bytes).digest("hex") !== sum) {
        fail(`\`${found}\` is not the program that this version was released with; nothing was started`);
    }
    return found;
}

function older(version, than) {
    const [a, b] = [version, than].map((text) => text.split(".").map(Number));
    return a[0] < b[0] || (a[0] === b[0] && a[1] < b[1]);
}

const program = binary(target());
const args = process.argv.slice(2);
// where Node can, this process becomes the program: signals, exit code and the three streams are its own
if (process.platform !== "win32" && typeof process.execve === "function") {
    process.execve(program, [program, ...args], process.env);
}
const child = spawn(program, args, { stdio: "inherit", windowsHide: true });
const signals = ["SIGINT", "SIGTERM", "SIGHUP", "SIGQUIT", "SIGUSR2"].filter((name) => name in os.constants.signals);
for (const name of signals) process.on(name, () => child.kill(name));
child.on("error", (error) => fail(`cannot start \`${program}\`: ${error.code}`));
child.on("exit", (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
});
