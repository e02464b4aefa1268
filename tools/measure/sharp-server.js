// SPDX-License-Identifier: Apache-2.0
//
// node sharp-server.js PORT FOLDER PROCESSES WORKLOADS
// node sharp-server.js --version
//
// Answers /NAME/PICTURE on 127.0.0.1 with FOLDER/NAME/PICTURE as the workload NAME wants it,
// by sharp, in that many processes with one thread each, without any cache. WORKLOADS is JSON:
// {NAME: {width, height, fit, format, quality}}. ?q=N is another quality, /PICTURE?of=NAME
// another picture than those in the workload's folder. sharp is found by NODE_PATH.
'use strict';

const cluster = require('node:cluster');
const http = require('node:http');
const path = require('node:path');
const sharp = require('sharp');

// The same file as the other peers make: baseline JPEG, 4:2:0, libjpeg's own tables, and what
// costs least; PNG with zlib's level 1; WebP and AVIF with the encoder's speed that the module
// uses.
const ENCODERS = {
    jpeg: (quality) => ({
        quality, progressive: false, chromaSubsampling: '4:2:0', mozjpeg: false, optimiseCoding: false,
    }),
    png: () => ({ compressionLevel: 1, adaptiveFiltering: false, palette: false, progressive: false }),
    webp: (quality) => ({ quality, effort: 3, lossless: false }),
    avif: (quality) => ({ quality, effort: 0, chromaSubsampling: '4:2:0', bitdepth: 8 }),
};

// The file and the conversion that a URL asks for; null when it asks for none.
function wanted(folder, workloads, url) {
    const { pathname, searchParams } = new URL(url, 'http://127.0.0.1');
    const words = decodeURIComponent(pathname).split('/').slice(1);
    const work = workloads[searchParams.get('of') ?? words[0]];

    if (!work || words.length > 2 || words.some((word) => word === '..' || word === ''))
        return null;
    return { file: path.join(folder, ...words), work, quality: Number(searchParams.get('q') ?? work.quality) };
}

async function answer(folder, workloads, request, response) {
    const { file, work, quality } = wanted(folder, workloads, request.url) ?? {};

    if (!file) {
        response.writeHead(404).end();
        return;
    }
    try {
        const picture = await sharp(file)
            .resize(work.width, work.height, { fit: work.fit, withoutEnlargement: true })
            .toFormat(work.format, ENCODERS[work.format](quality || 80))
            .toBuffer();
        response.writeHead(200, { 'Content-Type': `image/${work.format}`, 'Content-Length': picture.length });
        response.end(picture);
    } catch (error) {
        response.writeHead(500).end(`${error.message}\n`);
    }
}

function serve(port, folder, workloads) {
    sharp.concurrency(1);
    sharp.cache(false);
    sharp.simd(true);
    const server = http.createServer((request, response) => answer(folder, workloads, request, response));
    server.listen({ port, host: '127.0.0.1', backlog: 4096 });
    process.on('disconnect', () => process.exit(0));
}

// Ends with its parent's TERM; a process that ends by itself ends all.
function lead(processes) {
    const stop = (status) => {
        cluster.removeAllListeners('exit');
        for (const child of Object.values(cluster.workers))
            child.process.kill();
        process.exit(status);
    };
    cluster.on('exit', () => stop(1));
    process.on('SIGTERM', () => stop(0));
    for (let at = 0; at < processes; at++)
        cluster.fork();
}

const [port, folder, processes, workloads] = process.argv.slice(2);
if (port === '--version') {
    const { sharp: own, vips } = sharp.versions;
    console.log(`sharp ${own ?? require('sharp/package.json').version}, libvips ${vips}, Node ${process.versions.node}`);
} else if (cluster.isPrimary) {
    lead(Number(processes));
} else {
    serve(Number(port), folder, JSON.parse(workloads));
}
