import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import { MailRefused, smtpTransport, type SmtpOptions } from '../src/mail/smtp.js';
import { MAIL_PASSWORD, MAIL_USER, MailServer } from './fixture/mail-server.js';

const MAIL = { id: 'm1', subject: 'Your account', text: 'A text\nof two lines\n' };
let dir: string;
let servers: Readonly<Record<'tls' | 'starttls' | 'nothing', MailServer>>;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'countersign-smtp-'));
  servers = { tls: await MailServer.start(dir), starttls: await MailServer.start(dir, { offers: 'starttls' }), nothing: await MailServer.start(dir, { offers: 'nothing' }) };
});
afterAll(async () => {
  for (const server of Object.values(servers)) await server.stop();
  await rm(dir, { recursive: true, force: true });
});

async function send(offers: keyof typeof servers, changes: Partial<SmtpOptions> = {}, to = 'ana@acme.example'): Promise<MailRefused | undefined> {
  const { port, caFile } = servers[offers];
  const transport = smtpTransport({ host: 'localhost', port, security: 'tls', ca: await readFile(caFile, 'utf8'), user: MAIL_USER, password: () => MAIL_PASSWORD, from: 'countersign@example.com', ...changes });
  return transport.send({ ...MAIL, to }).then(() => undefined, (error: unknown) => {
    if (error instanceof MailRefused) return error;
    throw error;
  });
}

describe('mail over SMTP', () => {
  it.each([['tls', 'tls'], ['starttls', 'starttls']] as const)('goes to a server that offers %s, as it was written', async (offers, security) => {
    expect(await send(offers, { security })).toBeUndefined();
    const mail = servers[offers].mails.at(-1)!;
    expect(mail).toMatchObject({ sentTo: 'ana@acme.example', subject: 'Your account', messageId: '<m1@example.com>', from: { address: 'countersign@example.com' }, to: [{ address: 'ana@acme.example' }] });
    expect(mail.text?.trim()).toBe(MAIL.text.trim());
    expect(mail.raw).toMatch(/^Auto-Submitted: auto-generated\r?$/m);
  });

  it('sends no password to a server that does not go over to TLS', async () => {
    expect(await send('nothing', { security: 'starttls' })).toMatchObject({ code: '500', isFinal: false });
    expect([servers.nothing.passwords, servers.nothing.mails]).toEqual([[], []]);
  });

  it('sends nothing to a server whose certificate nobody vouches for', async () => {
    const before = servers.tls.passwords.length;
    expect(await send('tls', { ca: undefined })).toMatchObject({ isFinal: false });
    expect(servers.tls.passwords).toHaveLength(before);
  });

  it('is not lost when the login is refused: that is for the operator to mend', async () => {
    expect(await send('tls', { password: () => 'another' })).toMatchObject({ code: '535', isFinal: false });
  });

  it('is given up when the server knows no such mailbox, and tells its code and nothing else', async () => {
    servers.tls.refused.add('gone@acme.example');
    const refused = await send('tls', {}, 'gone@acme.example');
    expect(refused).toMatchObject({ code: '550', isFinal: true, message: 'mail refused: 550' });
  });

  it.each(['ana@acme.example\r\nRCPT TO:<eve@evil.example>', 'ana@acme.example\r\nBcc: eve@evil.example', 'ana@acme.example, eve@evil.example', 'ana@acme.example> <eve@evil.example'])('reaches nobody but its one recipient: %j', async (to) => {
    const before = servers.tls.mails.length;
    expect(await send('tls', {}, to)).toMatchObject({ code: 'EENVELOPE', isFinal: true });
    expect(servers.tls.mails).toHaveLength(before);
  });
});
