using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;
using Vae.Runtime.Actors;

namespace Vae.Runtime.Remoting;

/// <summary>The secret that every node of a cluster knows. It never crosses the wire; peers prove that they know it.</summary>
public sealed partial class ClusterToken
{
    /// <summary>Names the file to use instead of HOME/token, for secrets mounted by an orchestrator.</summary>
    public const string FileVariable = "VAE_TOKEN_FILE";

    private const int RandomBytes = 32;
    private const int LengthMin = 16; // Shorter secrets can be guessed offline from one recorded handshake.
    private const int LengthMax = 4_096;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;

    private readonly byte[] _secret;

    private ClusterToken(byte[] secret) => _secret = secret;

    /// <summary>A token from text, as found in a token file.</summary>
    /// <exception cref="UserFitException">The text is shorter than 16 or longer than 4,096 characters.</exception>
    public static ClusterToken Parse(string text) => Parse(text, "the cluster token");

    /// <summary>A fresh token of 32 random bytes, as text.</summary>
    public static string NewText() => Base64Url.EncodeToString(RandomNumberGenerator.GetBytes(RandomBytes));

    /// <summary>The token file of a node: <c>VAE_TOKEN_FILE</c> when set, else <c>HOME/token</c>.</summary>
    public static string FileFor(string home) => Environment.GetEnvironmentVariable(FileVariable) is { Length: > 0 } named ? named : Path.Combine(home, "token");

    /// <summary>Reads the token of <paramref name="home"/>, made at first start. A file named by <c>VAE_TOKEN_FILE</c> is never made.</summary>
    /// <exception cref="UserFitException">The file cannot be made or read, is open to others, or holds no token.</exception>
    public static ClusterToken LoadOrCreate(string home)
    {
        var path = FileFor(home);
        if (!File.Exists(path) && path == Path.Combine(home, "token")) Create(path);
        return Load(path);
    }

    /// <summary>Reads a token file.</summary>
    /// <exception cref="UserFitException">The file is missing or cannot be read, is open to others, or holds no token.</exception>
    public static ClusterToken Load(string path)
    {
        try
        {
            RequirePrivate(path);
            using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);
            if (file.Length > LengthMax) throw new UserFitException($"{path}: not a token file: it holds {file.Length} bytes, a token has at most {LengthMax}.");
            using var reader = new StreamReader(file, Encoding.UTF8);
            return Parse(reader.ReadToEnd(), path);
        }
        catch (Exception exception) when (exception is FileNotFoundException or DirectoryNotFoundException)
        {
            throw new UserFitException($"{path}: there is no cluster token. Copy the coordinator's token file there (mode 0600), or name it with {FileVariable}.", exception);
        }
        catch (UnauthorizedAccessException exception)
        {
            throw new UserFitException($"{path}: this user may not read the cluster token. Give the file to the user of this process (chown, chmod 600).", exception);
        }
        catch (IOException exception)
        {
            throw new UserFitException($"{path}: the cluster token cannot be read: {exception.Message}", exception);
        }
    }

    /// <summary>HMAC-SHA256 of the parts in order under this token, each preceded by its length so that no two lists of parts are equal.</summary>
    internal byte[] Prove(params ReadOnlySpan<ReadOnlyMemory<byte>> parts)
    {
        using var mac = IncrementalHash.CreateHMAC(HashAlgorithmName.SHA256, _secret);
        Span<byte> length = stackalloc byte[sizeof(int)];
        foreach (var part in parts)
        {
            System.Buffers.Binary.BinaryPrimitives.WriteInt32LittleEndian(length, part.Length);
            mac.AppendData(length);
            mac.AppendData(part.Span);
        }

        return mac.GetHashAndReset();
    }

    /// <summary>True when <paramref name="text"/> is this token; takes the same time wherever they differ.</summary>
    public bool Matches(ReadOnlySpan<char> text)
    {
        var candidate = Encoding.UTF8.GetBytes(text.ToArray());
        return CryptographicOperations.FixedTimeEquals(SHA256.HashData(candidate), SHA256.HashData(_secret));
    }

    /// <summary>Never the secret.</summary>
    public override string ToString() => "(cluster token)";

    private static ClusterToken Parse(string text, string where)
    {
        var trimmed = text.Trim();
        if (trimmed.Length is < LengthMin or > LengthMax) throw new UserFitException($"{where}: a cluster token has {LengthMin} to {LengthMax} characters, found {trimmed.Length}.");
        return new(Encoding.UTF8.GetBytes(trimmed));
    }

    // Written aside and linked into place without overwriting: of two first starts at once, both use the one that came first.
    private static void Create(string path)
    {
        var fresh = $"{path}.{Environment.ProcessId}.{Environment.CurrentManagedThreadId}.tmp";
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows()) options.UnixCreateMode = OwnerOnly;
            using (var file = new FileStream(fresh, options))
            {
                file.Write(Encoding.UTF8.GetBytes(NewText() + "\n"));
                file.Flush(flushToDisk: true);
            }

            // A rename would replace the token of a start that was faster by a moment; a link never does.
            var linked = Link(fresh, path) == 0;
            File.Delete(fresh);
            if (!linked && !File.Exists(path)) throw new IOException("the file system refused it.");
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserFitException($"{path}: the cluster token cannot be made: {exception.Message} Choose a writable folder with --home, or name a token file with {FileVariable}.", exception);
        }
    }

    [LibraryImport("libc", EntryPoint = "link", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Link(string existing, string added);

    private static void RequirePrivate(string path)
    {
        if (OperatingSystem.IsWindows()) return;
        var mode = File.GetUnixFileMode(path);
        // A mounted secret is often readable by the pod's group; anything open to every user is refused.
        const UnixFileMode Others = UnixFileMode.OtherRead | UnixFileMode.OtherWrite | UnixFileMode.OtherExecute | UnixFileMode.GroupWrite;
        if ((mode & Others) != 0) throw new UserFitException($"{path}: the cluster token is open to other users (mode {Convert.ToString((int)mode, 8)}). Run: chmod 600 {path}");
    }
}
