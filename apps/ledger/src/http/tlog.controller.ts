import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { ChainFault, encodeEntryBundle, parseTilePath, TILE_WIDTH, tileWidth, type TileId } from '@countersign/chain';
import { tenantSchema } from '@countersign/contracts';
import { Controller, Get, Inject, Param, Req, Res } from '@nestjs/common';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Ledger } from '../append/head.js';
import { ReadFault } from '../store/read-fault.js';
import { acceptsGzip } from './accepts-gzip.js';
import { HTTP_DEPS, requireLedger, type HttpDeps } from './deps.js';
import { valid } from './edge-fault.js';

const gzipped = promisify(gzip);
const GZIP_LEVEL = 6;
const IMMUTABLE = 'public, max-age=31536000, immutable';
const FRESH = 'no-cache, max-age=1';

/** A ledger as a tiled transparency log (C2SP tlog-tiles): any client of that specification reads it. */
@Controller('ledgers/:tenant')
export class TlogController {
  constructor(@Inject(HTTP_DEPS) private readonly deps: HttpDeps) {}

  @Get('checkpoint')
  async checkpoint(@Param('tenant') tenant: string, @Res() reply: FastifyReply): Promise<void> {
    allowEveryOrigin(reply);
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    const { note } = await this.deps.prover.head(ledger);
    reply.header('cache-control', FRESH).type('text/plain; charset=utf-8').send(note);
  }

  @Get('tile/*')
  async tile(@Param('tenant') tenant: string, @Req() request: FastifyRequest, @Res() reply: FastifyReply): Promise<void> {
    allowEveryOrigin(reply);
    const ledger = await requireLedger(this.deps, valid(tenantSchema, tenant, 'tenant'));
    const tile = parseTilePath(pathBelow(`/ledgers/${tenant}/`, request));
    const head = await this.deps.prover.head(ledger);
    const available = tileWidth(tile.level === 'entries' ? 0 : tile.level, tile.index, head.treeSize);
    if (tile.width > available) {
      throw new ReadFault('TILE_NOT_YET', `the latest checkpoint, of size ${head.treeSize}, does not reach so far`);
    }
    reply.type('application/octet-stream');
    if (tile.level === 'entries') {
      await this.sendBundle(ledger, tile, request, reply);
      return;
    }
    const hashes = await this.deps.tiles.hashes(ledger, tile.level, tile.index, tile.width);
    reply.header('cache-control', IMMUTABLE).send(hashes);
  }

  private async sendBundle(ledger: Ledger, { index, width }: TileId, request: FastifyRequest, reply: FastifyReply): Promise<void> {
    const start = index * TILE_WIDTH;
    const entries = await this.deps.store.entryBytes(ledger, start, start + width);
    if (entries.length !== width) {
      throw new ChainFault('ENTRY_MISSING', `of the entries ${start} to ${start + width - 1} some are not there`, { leafIndex: start });
    }
    const bundle = encodeEntryBundle(entries);
    const isGzip = acceptsGzip(request.headers['accept-encoding']);
    const body = isGzip ? await gzipped(bundle, { level: GZIP_LEVEL }) : bundle;
    if (isGzip) reply.header('content-encoding', 'gzip');
    reply.header('vary', 'accept-encoding').header('cache-control', IMMUTABLE).send(body);
  }
}

/** Monitors and verifiers run in browsers too, and all of this is public to whoever may read the ledger. */
function allowEveryOrigin(reply: FastifyReply): void {
  reply.header('access-control-allow-origin', '*');
}

/** The address as it was sent, without decoding: one tile has one spelling. */
function pathBelow(prefix: string, request: FastifyRequest): string {
  const [path = ''] = (request.raw.url ?? '').split('?');
  return path.startsWith(prefix) ? path.slice(prefix.length) : path;
}
