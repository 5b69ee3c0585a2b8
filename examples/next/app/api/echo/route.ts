/** A route beside those for webhooks: it parses JSON as ever. */
export async function POST(request: Request): Promise<Response> {
  return Response.json(await request.json());
}
