// An authorization server (the npm package oidc-provider), with a service on the same origin that takes its tokens.
//
//   node oidc.mjs NODE_MODULES posthog|github
//
// Its first line is `port N`. What the service is and where the endpoints are is as the manifest of that name says.
// GET /_test/log lists the grants that the token endpoint was asked for, `ok` or its error; GET /_test/expire makes the
// service reject every access token that exists; GET /_test/tokens lists the tokens that were given out, newest last.
import { createServer } from 'node:http';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';

const [modules, kind] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(join(modules, 'oidc-provider', 'lib', 'index.js')));

const routes = {
  posthog: { authorization: '/oauth/authorize/', token: '/oauth/token/', revocation: '/oauth/revoke/' },
  github: { device_authorization: '/login/device/code', token: '/login/oauth/access_token', code_verification: '/device' },
}[kind];

const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const { port } = server.address();

const grants = ['authorization_code', 'refresh_token', 'urn:ietf:params:oauth:grant-type:device_code'];
const provider = new Provider(`http://127.0.0.1:${port}`, {
  clients: [
    {
      client_id: 'agentport-test',
      application_type: 'native',
      token_endpoint_auth_method: 'none',
      grant_types: grants,
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/oauth/callback'],
    },
    {
      client_id: 'agentport-secret',
      client_secret: 'secret-of-the-client-0123456789-0123456789',
      application_type: 'native',
      token_endpoint_auth_method: 'client_secret_post',
      grant_types: grants,
      response_types: ['code'],
      redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/oauth/callback'],
    },
  ],
  scopes: [
    'user:read', 'organization:read', 'project:read', 'query:read', 'insight:read', 'insight:write',
    'dashboard:read', 'dashboard:write', 'feature_flag:read', 'feature_flag:write', 'experiment:read', 'experiment:write',
    'survey:read', 'survey:write', 'cohort:read', 'cohort:write', 'person:read', 'person:write',
    'event_definition:read', 'event_definition:write', 'property_definition:read', 'property_definition:write', 'action:read', 'action:write',
    'annotation:read', 'annotation:write', 'session_recording:read',
    'repo', 'delete_repo',
  ],
  pkce: { required: () => true },
  issueRefreshToken: async () => true,
  rotateRefreshToken: true,
  features: { deviceFlow: { enabled: true }, revocation: { enabled: true }, devInteractions: { enabled: true } },
  findAccount: async (_, id) => ({ accountId: id, claims: async () => ({ sub: id }) }),
  ttl: { AccessToken: 3600, RefreshToken: 86400, DeviceCode: 120, AuthorizationCode: 60, Grant: 86400, Session: 86400, Interaction: 600 },
  routes,
});

const log = [];
const issued = [];
const tokens = [];
let rejected = new Set();
provider.on('access_token.saved', (token) => issued.push(token.jti));
provider.use(async (ctx, next) => {
  await next();
  if (ctx.path === routes.token && ctx.method === 'POST') {
    const grant = ctx.oidc?.params?.grant_type ?? 'none';
    log.push([grant, ctx.body?.error ?? 'ok']);
    for (const name of ['access_token', 'refresh_token']) if (ctx.body?.[name]) tokens.push(ctx.body[name]);
  }
});
const handle = provider.callback();

const body = async (request) => {
  let text = '';
  for await (const piece of request) text += piece;
  return text;
};
const json = (response, status, value, headers = {}) => {
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify(value));
};

server.on('request', async (request, response) => {
  const { pathname } = new URL(request.url, 'http://x');
  if (pathname === '/_test/log') return json(response, 200, log);
  if (pathname === '/_test/tokens') return json(response, 200, tokens);
  if (pathname === '/_test/expire') {
    rejected = new Set(issued);
    return json(response, 200, rejected.size);
  }
  if (!/^\/(api|user)(\/|$)/.test(pathname)) return handle(request, response);
  const sent = (request.headers.authorization ?? '').replace(/^Bearer /, '');
  const token = sent && (await provider.AccessToken.find(sent));
  if (!token || rejected.has(token.jti)) return json(response, 401, { detail: `Invalid access token ${sent}.` });
  const scopes = { 'x-oauth-scopes': token.scope };
  if (pathname === '/api/users/@me/') return json(response, 200, { uuid: `uuid-${token.accountId}`, email: `${token.accountId}@example.com` });
  if (pathname === '/user') return json(response, 200, { id: 1, login: token.accountId }, scopes);
  if (request.method === 'POST') {
    return json(response, 201, { made: JSON.parse(await body(request)), key: request.headers['idempotency-key'] });
  }
  return json(response, 200, { results: [], token: sent });
});

console.log(`port ${port}`);
