using System.Buffers;
using System.Security.Cryptography;
using System.Text;
using Vae.Shared;
using Vae.Shared.Wire;

namespace Vae.Runtime.Remoting;

/// <summary>
/// Four frames before anything else: hello, hello, proof, proof. A proof is an HMAC-SHA256 under the cluster token over the prover's role and
/// both hellos as they were sent, so it covers version, cluster, both names, the purpose and both nonces, and can be neither replayed nor sent
/// back as one's own. The connecting side proves first: a stranger at the door never gets a proof to try tokens on.
/// </summary>
/// <remarks>Nothing beyond the four frames is read, so that what follows can be a raw stream. Before the proof a peer costs at most
/// <see cref="FrameMax"/> bytes of buffer and <see cref="Deadline"/>.</remarks>
public static class Handshake
{
    /// <summary>Longest payload that a hello may carry, in bytes.</summary>
    public const int PayloadMax = 4_096;

    /// <summary>Longest time from connecting to the last proof.</summary>
    public static readonly TimeSpan Deadline = TimeSpan.FromSeconds(5);

    internal const int FrameMax = 8_192;
    private const int NonceLength = 32;
    private const int ProofLength = 32;
    private const int TextMax = 1_024;
    private const string Magic = "vae-distributed";
    private static readonly byte[] Connecting = Encoding.ASCII.GetBytes("vae handshake 1: connecting side");
    private static readonly byte[] Accepting = Encoding.ASCII.GetBytes("vae handshake 1: accepting side");

    private readonly record struct Hello(string Cluster, string Node, ConnectionPurpose Purpose, byte[] Nonce, byte[] Payload);

    private readonly record struct Frame(ushort Tag, byte[] Body);

    /// <summary>Speaks first on a connection that this process opened.</summary>
    /// <exception cref="HandshakeException">One end refused; the text says which rule.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public static async Task<Peer> ConnectAsync(Stream stream, NodeIdentity self, ConnectionPurpose purpose, ReadOnlyMemory<byte> payload, CancellationToken cancellation)
    {
        if (payload.Length > PayloadMax) throw new ArgumentException($"A hello carries at most {PayloadMax} bytes, not {payload.Length}.", nameof(payload));
        var mine = await SendHelloAsync(stream, self, purpose, payload, cancellation);
        var theirs = await ReadAsync(stream, HostTag.Hello, cancellation);
        var hello = ReadHello(theirs.Body);
        CheckPeer(hello, self);
        if (hello.Purpose != purpose) throw new HandshakeException(HandshakeRule.WrongPurpose, $"{hello.Node} answered for {hello.Purpose} instead of {purpose}.");

        await SendProofAsync(stream, self.Token.Prove(Connecting, mine, theirs.Body), cancellation);
        var proof = ReadProof((await ReadAsync(stream, HostTag.Proof, cancellation)).Body);
        if (!CryptographicOperations.FixedTimeEquals(proof, self.Token.Prove(Accepting, mine, theirs.Body))) throw BadToken(hello.Node);
        return new(new(hello.Node), purpose, payload);
    }

    /// <summary>Answers on a connection that was accepted. On a refusal the peer is told the rule in one frame, then the exception is thrown.</summary>
    /// <exception cref="HandshakeException">The peer broke a rule.</exception>
    /// <exception cref="IOException">The connection broke.</exception>
    public static async Task<Peer> AcceptAsync(Stream stream, NodeIdentity self, Func<ConnectionPurpose, bool> serves, CancellationToken cancellation)
    {
        try
        {
            var theirs = await ReadAsync(stream, HostTag.Hello, cancellation);
            var hello = ReadHello(theirs.Body);
            CheckPeer(hello, self);
            if (!serves(hello.Purpose)) throw new HandshakeException(HandshakeRule.WrongPurpose, $"{self.Node} does not serve {hello.Purpose} connections on this port.");

            var mine = await SendHelloAsync(stream, self, hello.Purpose, default, cancellation);
            var proof = ReadProof((await ReadAsync(stream, HostTag.Proof, cancellation)).Body);
            if (!CryptographicOperations.FixedTimeEquals(proof, self.Token.Prove(Connecting, theirs.Body, mine))) throw BadToken(hello.Node);

            await SendProofAsync(stream, self.Token.Prove(Accepting, theirs.Body, mine), cancellation);
            return new(new(hello.Node), hello.Purpose, hello.Payload);
        }
        catch (HandshakeException refusal) when (!refusal.RefusedByPeer && refusal.Rule is not (HandshakeRule.NotOurProtocol or HandshakeRule.HungUp))
        {
            await stream.WriteAsync(RefusalFrame(refusal), cancellation);
            throw;
        }
    }

    /// <summary>The one frame that tells a peer why it is sent away.</summary>
    internal static ReadOnlyMemory<byte> RefusalFrame(HandshakeException refusal) => HostFrames.Make(HostTag.Refusal, refusal, static (ref writer, value) =>
    {
        writer.WriteArrayHeader(2);
        writer.Write((long)value.Rule);
        writer.Write(value.Message);
    });

    private static void CheckPeer(in Hello hello, NodeIdentity self)
    {
        if (hello.Cluster != self.Cluster)
        {
            throw new HandshakeException(HandshakeRule.WrongCluster, $"Node {hello.Node} is set up for cluster '{hello.Cluster}', which is not the cluster of {self.Node}. Give both the same --cluster name.");
        }

        if (hello.Node == self.Node.Value) throw new HandshakeException(HandshakeRule.WrongNode, $"Both ends are named {hello.Node}; names are unique in a cluster. Choose another with --name.");
    }

    private static HandshakeException BadToken(string node) =>
        new(HandshakeRule.WrongToken, $"Node {node} does not know this cluster's token. Give every node the coordinator's token file (HOME/token, or {ClusterToken.FileVariable}).");

    private static async Task<ReadOnlyMemory<byte>> SendHelloAsync(Stream stream, NodeIdentity self, ConnectionPurpose purpose, ReadOnlyMemory<byte> payload, CancellationToken cancellation)
    {
        var hello = new Hello(self.Cluster, self.Node.Value, purpose, RandomNumberGenerator.GetBytes(NonceLength), payload.ToArray());
        var frame = HostFrames.Make(HostTag.Hello, hello, static (ref writer, value) =>
        {
            writer.WriteArrayHeader(6);
            writer.Write(Magic);
            writer.Write(value.Cluster);
            writer.Write(value.Node);
            writer.Write((long)value.Purpose);
            writer.Write(value.Nonce.AsSpan());
            writer.Write(value.Payload.AsSpan());
        });
        await stream.WriteAsync(frame, cancellation);
        return frame[FrameHeader.Size..];
    }

    private static ValueTask SendProofAsync(Stream stream, byte[] proof, CancellationToken cancellation) =>
        stream.WriteAsync(HostFrames.Make(HostTag.Proof, proof, static (ref writer, value) => writer.Write(value.AsSpan())), cancellation);

    private static async Task<Frame> ReadAsync(Stream stream, ushort expected, CancellationToken cancellation)
    {
        var header = new byte[FrameHeader.Size];
        var got = await stream.ReadAtLeastAsync(header, header.Length, throwOnEndOfStream: false, cancellation);
        if (got < header.Length) throw new HandshakeException(HandshakeRule.HungUp, got == 0 ? "The peer hung up without a word." : "The peer hung up in the middle of the handshake.");

        // The version is looked at only once the rest of the header looks like ours: random bytes are no other version.
        if (FrameHeader.TryRead(header, out var read) != OperationStatus.Done || read.BodyLength > FrameMax || read.Tag is not (HostTag.Hello or HostTag.Proof or HostTag.Refusal))
        {
            throw new HandshakeException(HandshakeRule.NotOurProtocol, "The peer does not speak this protocol.");
        }

        var body = new byte[read.BodyLength];
        if (await stream.ReadAtLeastAsync(body, body.Length, throwOnEndOfStream: false, cancellation) < body.Length)
        {
            throw new HandshakeException(HandshakeRule.HungUp, "The peer hung up in the middle of the handshake.");
        }

        if (read.Tag == HostTag.Refusal) throw ReadRefusal(body);
        if (read.Version != FrameHeader.ProtocolVersion)
        {
            throw new HandshakeException(HandshakeRule.WrongVersion, $"The two ends speak different versions of the protocol ({read.Version} and {FrameHeader.ProtocolVersion}). Install the same version of the program on both.");
        }

        if (read.Tag != expected) throw new HandshakeException(HandshakeRule.Damaged, "The frames of the handshake came out of order.");
        return new(read.Tag, body);
    }

    private static Hello ReadHello(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new MsgPackReader(body);
            if (reader.BeginArray() < 6 || reader.ReadString() != Magic) throw new HandshakeException(HandshakeRule.NotOurProtocol, "The peer does not speak this protocol.");
            var hello = new Hello(reader.ReadString(), reader.ReadString(), (ConnectionPurpose)reader.ReadInt32(), reader.ReadBytes().ToArray(), reader.ReadBytes().ToArray());
            // Both names go into texts and logs, so neither may hold anything but plain characters.
            if (!NodeId.IsValid(hello.Node) || !NodeId.IsValid(hello.Cluster)) throw new HandshakeException(HandshakeRule.WrongNode, "The name of a node or cluster has 1 to 63 characters of a-z, 0-9 and hyphen.");
            if (hello.Nonce.Length != NonceLength || hello.Payload.Length > PayloadMax) throw new HandshakeException(HandshakeRule.Damaged, "A hello of the wrong size.");
            return hello;
        }
        catch (ProtocolException exception)
        {
            throw new HandshakeException(HandshakeRule.Damaged, $"A damaged hello: {exception.Message}");
        }
    }

    private static byte[] ReadProof(ReadOnlySpan<byte> body)
    {
        try
        {
            var proof = new MsgPackReader(body).ReadBytes();
            return proof.Length == ProofLength ? proof.ToArray() : throw new HandshakeException(HandshakeRule.Damaged, "A proof of the wrong size.");
        }
        catch (ProtocolException exception)
        {
            throw new HandshakeException(HandshakeRule.Damaged, $"A damaged proof: {exception.Message}");
        }
    }

    // The text comes from a peer that has proved nothing, so it is cut and cleaned before a user may see it.
    private static HandshakeException ReadRefusal(ReadOnlySpan<byte> body)
    {
        try
        {
            var reader = new MsgPackReader(body);
            reader.BeginArray();
            var rule = (HandshakeRule)reader.ReadInt32();
            var text = new string([.. reader.ReadString().Take(TextMax).Where(c => !char.IsControl(c))]);
            return new(Enum.IsDefined(rule) ? rule : HandshakeRule.Damaged, text, refusedByPeer: true);
        }
        catch (ProtocolException exception)
        {
            return new(HandshakeRule.Damaged, $"A damaged refusal: {exception.Message}");
        }
    }
}
