using Vae.Shared.Wire;

namespace Vae.Worker.Collectives.SharedMemory;

/// <summary>
/// What tells whether two processes can hand each other memory. Equal facts are a hint that saves a useless attempt, never a proof: a virtual
/// machine restored twice from one image has one boot id twice. The proof is the secret found in the opened segment.
/// </summary>
/// <param name="Boot">Drawn by the kernel at start.</param>
/// <param name="ProcessNamespace">Where process ids count: two containers of one host have two.</param>
/// <param name="ProcessId">In that namespace.</param>
/// <param name="Cores">That this process may use at once.</param>
internal sealed record HostFacts(string Boot, string ProcessNamespace, int ProcessId, int Cores)
{
    private const int FieldCount = 4;
    private const string BootFile = "/proc/sys/kernel/random/boot_id", NamespaceLink = "/proc/self/ns/pid";

    /// <summary>This process's facts.</summary>
    /// <exception cref="EnvironmentUnknownException">The kernel does not say.</exception>
    public static HostFacts Read()
    {
        try
        {
            var link = new FileInfo(NamespaceLink).LinkTarget ?? throw new EnvironmentUnknownException($"{NamespaceLink} cannot be read");
            return new(File.ReadAllText(BootFile).Trim(), link, Environment.ProcessId, Environment.ProcessorCount);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EnvironmentUnknownException(e.Message.TrimEnd('.'));
        }
    }

    /// <summary>The boot id alone; empty when the kernel does not say.</summary>
    public static string TryReadBoot()
    {
        try
        {
            return File.ReadAllText(BootFile).Trim();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return "";
        }
    }

    /// <summary>MessagePack array of the fields in order.</summary>
    public byte[] Encode()
    {
        var buffer = new WireBuffer(128);
        var writer = new MsgPackWriter(buffer);
        writer.WriteArrayHeader(FieldCount);
        writer.Write(Boot);
        writer.Write(ProcessNamespace);
        writer.Write((long)ProcessId);
        writer.Write((long)Cores);
        writer.Flush();
        return buffer.Written.ToArray();
    }

    /// <exception cref="ProtocolException">The bytes are no facts.</exception>
    public static HostFacts Decode(ReadOnlySpan<byte> bytes)
    {
        var reader = new MsgPackReader(bytes);
        if (reader.BeginArray() != FieldCount) MsgPackReader.Throw(ProtocolErrorKind.MissingField, 0, $"host facts have {FieldCount} fields");
        var facts = new HostFacts(reader.ReadString(), reader.ReadString(), reader.ReadInt32(), reader.ReadInt32());
        reader.EndNested();
        reader.RequireEnd();
        return facts;
    }
}

/// <summary>The kernel does not tell what has to be known.</summary>
internal sealed class EnvironmentUnknownException(string reason) : Exception(reason);
