using System.Buffers.Binary;
using System.Globalization;
using System.IO.MemoryMappedFiles;
using System.Text;
using Serilog.Core;
using Serilog.Events;
using Serilog.Formatting.Display;
using Vae.Shared;

namespace Vae.Runtime.Logging;

/// <summary>
/// The last lines of a node's log in a small file of fixed size, for the process that comes after this one. The file is mapped into memory, so a line is there as soon as it is written,
/// however the process ends (only a power loss takes it away); a process that ends in good order says so, and leaves nothing to be told.
/// </summary>
public sealed class LastLines : ILogEventSink, IDisposable
{
    /// <summary>Lines that are kept.</summary>
    public const int Count = 20;

    /// <summary>Bytes of a line that are kept, its length included.</summary>
    public const int LineBytes = 512;

    private const int FileBytes = HeaderBytes + (Count * LineBytes);
    private const int HeaderBytes = 16; // Mark u64, lines written i64. A count below 0: ended in good order.
    private const ulong Mark = 0x31304E4C45415600; // "\0VAELN01", little-endian.

    private static readonly MessageTemplateTextFormatter Form = new("{Timestamp:HH:mm:ss.fff} {Level:u3} {Message:lj}", CultureInfo.InvariantCulture);

    private readonly Lock _gate = new();
    private readonly FileStream _file;
    private readonly MemoryMappedFile _mapping;
    private readonly MemoryMappedViewAccessor _view;
    private long _written;

    private LastLines(FileStream file)
    {
        _file = file;
        file.SetLength(FileBytes);
        _mapping = MemoryMappedFile.CreateFromFile(file, null, FileBytes, MemoryMappedFileAccess.ReadWrite, HandleInheritability.None, leaveOpen: true);
        _view = _mapping.CreateViewAccessor(0, FileBytes);
        Before = Read();
        _view.Write(8, 0L);
        _view.Write(0, Mark);
    }

    /// <summary>What the process before left, oldest first; nothing when it ended in good order, or there was none.</summary>
    public ValueList<string> Before { get; }

    /// <summary>Opens the file of a node, which no other process may have open.</summary>
    /// <returns>Null where it cannot be had: a log without it is better than no node.</returns>
    public static LastLines? TryOpen(string path)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            return new LastLines(new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    /// <inheritdoc/>
    public void Emit(LogEvent logEvent)
    {
        using var text = new StringWriter(CultureInfo.InvariantCulture);
        Form.Format(logEvent, text);
        if (logEvent.Exception is { } exception) text.Write($" {exception.GetType().Name}: {exception.Message}");
        Add(text.ToString());
    }

    /// <summary>Keeps a line; what is too long is cut off.</summary>
    public void Add(string text)
    {
        Span<byte> line = stackalloc byte[LineBytes];
        Encoding.UTF8.GetEncoder().Convert(text, line[2..], flush: true, out _, out var bytes, out _);
        BinaryPrimitives.WriteUInt16LittleEndian(line, (ushort)bytes);
        lock (_gate)
        {
            if (_written < 0) return;
            _view.SafeMemoryMappedViewHandle.WriteSpan<byte>((ulong)(HeaderBytes + (_written % Count * LineBytes)), line);
            _view.Write(8, ++_written);
        }
    }

    /// <summary>The process ends in good order: its successor need not be told of it.</summary>
    public void EndWell()
    {
        lock (_gate) _view.Write(8, _written = -1);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        lock (_gate)
        {
            if (!_view.CanWrite) return;
            _written = -1;
            _view.Dispose();
            _mapping.Dispose();
            _file.Dispose();
        }
    }

    // The file may be anything: another program's, or half written when the power went.
    private ValueList<string> Read()
    {
        if (_view.ReadUInt64(0) != Mark || _view.ReadInt64(8) is not (> 0 and var written)) return [];
        List<string> lines = [];
        var line = new byte[LineBytes];
        for (var number = Math.Max(0, written - Count); number < written; number++)
        {
            _view.SafeMemoryMappedViewHandle.ReadSpan<byte>((ulong)(HeaderBytes + (number % Count * LineBytes)), line);
            var bytes = Math.Min((int)BinaryPrimitives.ReadUInt16LittleEndian(line), LineBytes - 2);
            lines.Add(Plain(Encoding.UTF8.GetString(line.AsSpan(2, bytes))));
        }

        return lines.ToValueList();
    }

    private static string Plain(string text) => new([.. text.Select(c => char.IsControl(c) ? ' ' : c)]);
}
