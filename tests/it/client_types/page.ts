// A page that extends the client, as pages for the original do.
import { ChannelStreamConnection } from '../../../clients/javascript/src/channelstream';
import type { Connected, Request } from '../../../clients/javascript/src/channelstream';

class Chat extends ChannelStreamConnection {
    connectCallback(request: Request | null, data: Connected) {
        console.log(request?.status, data.conn_id);
    }

    openWebsocket() {
        super.openWebsocket();
    }
}

const chat = new Chat();
chat.messageErrorCallback = (request, data) => console.log(request.status, data);
chat.addMutator('connect', (request) => request.headers.push({ name: 'X-Token', value: 'known' }));
chat.addMutator('message', async ({ headers }) =>
    headers.push({ name: 'X-Token', value: 'fetched' }),
);
chat.addMutator('subscribe', ({ body }) => {
    body.seen = true;
});
chat.connectionId = 'made by the application';
chat.startListening();
