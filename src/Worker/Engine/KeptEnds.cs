using System.Runtime.InteropServices;
using Vae.Models.Evaluation;
using Vae.Models.Networks;
using Vae.Shared;
using Vae.Shared.Sweeps;
using Vae.Shared.Wire;
using Vae.Torch;
using Vae.Worker.Training;

namespace Vae.Worker.Engine;

/// <summary>
/// The trials of a pack that have ended here and whose end nobody has confirmed as durable. Every rank keeps them, because only rank 0 makes a trial's files and tells its end, and rank 0 may be lost at that very moment:
/// then the rank 0 of the next generation tells it. Bounded by the slots: a slot is given a third trial only when the end of the first is durable, so a pack has at most two such trials per slot. Any thread may call.
/// </summary>
internal sealed class KeptEnds : IDisposable
{
    private const int FieldCount = 15;

    private readonly Lock _gate = new();
    private readonly List<KeptEnd> _ends = [];
    private readonly HashSet<int> _forgotten = [];

    /// <summary>The ends, oldest first.</summary>
    public IReadOnlyList<KeptEnd> All
    {
        get
        {
            lock (_gate) return [.. _ends];
        }
    }

    /// <summary>Keeps an end, unless it is known already.</summary>
    /// <param name="end">How the trial ended.</param>
    /// <param name="network">Its model on the host; null when it has none to show. Owned from here on.</param>
    /// <returns>The kept end; null when it was known.</returns>
    public KeptEnd? Add(SlotEnd end, PackNetwork? network)
    {
        var kept = new KeptEnd(end, network);
        lock (_gate)
        {
            if (!_forgotten.Contains(end.Trial.Index) && !_ends.Exists(known => known.End.Trial.Index == end.Trial.Index))
            {
                _ends.Add(kept);
                return kept;
            }
        }

        kept.Release();
        return null;
    }

    /// <summary>The end of this trial is durable, now and whenever it should come again.</summary>
    public void Forget(int trial)
    {
        List<KeptEnd> gone;
        lock (_gate)
        {
            _forgotten.Add(trial);
            gone = _ends.FindAll(end => end.End.Trial.Index == trial);
            _ends.RemoveAll(gone.Contains);
        }

        foreach (var end in gone) end.Release();
    }

    /// <summary>Whether the end of this trial is durable.</summary>
    public bool IsForgotten(int trial)
    {
        lock (_gate) return _forgotten.Contains(trial);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        List<KeptEnd> gone;
        lock (_gate)
        {
            gone = [.. _ends];
            _ends.Clear();
        }

        foreach (var end in gone) end.Release();
    }

    /// <summary>All ends for another rank: a MessagePack array of arrays, the weights as the raw floats of the model's state in order.</summary>
    public ReadOnlyMemory<byte> Write()
    {
        var ends = All.Where(end => end.TryUse()).ToList();
        try
        {
            var buffer = new WireBuffer();
            var writer = new MsgPackWriter(buffer);
            writer.WriteArrayHeader(ends.Count);
            foreach (var kept in ends) Write(ref writer, kept);
            writer.Flush();
            return buffer.WrittenMemory;
        }
        finally
        {
            foreach (var kept in ends) kept.Release();
        }
    }

    /// <summary>Takes over what another rank wrote; what is known already stays as it is.</summary>
    /// <exception cref="ProtocolException">The bytes are no such ends, or their weights do not fit their models. Nothing was taken over.</exception>
    /// <exception cref="FormatException">A trial cannot be read. Nothing was taken over.</exception>
    public void Read(ReadOnlySpan<byte> bytes, ImageShape image) => Read(bytes, image, static () => { });

    /// <inheritdoc cref="Read(ReadOnlySpan{byte}, ImageShape)"/>
    /// <param name="bytes">From <see cref="Write()"/>.</param>
    /// <param name="image">What one row is.</param>
    /// <param name="whenRead">Called once all of it could be read, before any of it is taken over; what it throws, ends this.</param>
    public void Read(ReadOnlySpan<byte> bytes, ImageShape image, Action whenRead)
    {
        var read = new List<(SlotEnd End, PackNetwork? Network)>();
        try
        {
            var reader = new MsgPackReader(bytes);
            for (var count = reader.BeginArray(); count > 0; count--) read.Add(ReadOne(ref reader, image));
            reader.EndNested();
            reader.RequireEnd();
            whenRead();
        }
        catch
        {
            foreach (var (_, network) in read) network?.Dispose();
            throw;
        }

        foreach (var (end, network) in read) Add(end, network);
    }

    private static void Write(ref MsgPackWriter writer, KeptEnd kept)
    {
        var (end, report) = (kept.End, kept.End.Report);
        writer.WriteArrayHeader(FieldCount);
        writer.Write((long)end.Slot);
        writer.Write(TrialSpecJson.WriteUtf8(end.Trial));
        writer.Write((long)end.Kind);
        writer.Write(end.Text);
        writer.Write(end.Step.Value);
        writer.Write((long)end.EpochsDone);
        writer.Write(end.Seconds);
        writer.Write(end.Parameters);
        writer.Write(report is not null);
        writer.Write(report?.Distortion ?? 0);
        writer.Write(report?.Rate ?? 0);
        writer.Write((long)(report?.ActiveUnits ?? 0));
        writer.Write(MemoryMarshal.AsBytes(report?.RatePerDimension.ToArray() ?? []));
        writer.Write(FiguresText.Write(report?.Figures ?? []));
        if (kept.Network is null) writer.WriteNil();
        else WriteValues(ref writer, kept.Network);
    }

    private static void WriteValues(ref MsgPackWriter writer, PackNetwork network)
    {
        using var scope = torch.NewDisposeScope();
        var state = network.state_dict().Select(entry => entry.tensor).ToList();
        var values = new float[state.Sum(tensor => tensor.numel())];
        var filled = 0;
        foreach (var tensor in state)
        {
            tensor.data<float>().CopyTo(values.AsSpan(filled));
            filled += (int)tensor.numel();
        }

        writer.Write(MemoryMarshal.AsBytes<float>(values));
    }

    private static (SlotEnd End, PackNetwork? Network) ReadOne(ref MsgPackReader reader, ImageShape image)
    {
        if (reader.BeginArray() != FieldCount) MsgPackReader.Throw(ProtocolErrorKind.MissingField, reader.Offset, $"an ended trial has {FieldCount} fields");
        var slot = reader.ReadInt32();
        var trial = TrialSpecJson.Read(reader.ReadBytes());
        var (kind, text, step, epochs) = ((SlotEndKind)reader.ReadInt32(), reader.ReadString(), reader.ReadInt64(), reader.ReadInt32());
        var (seconds, parameters, reported) = (reader.ReadDouble(), reader.ReadInt64(), reader.ReadBoolean());
        var (distortion, rate, active) = (reader.ReadDouble(), reader.ReadDouble(), reader.ReadInt32());
        var rates = MemoryMarshal.Cast<byte, double>(reader.ReadBytes()).ToArray();
        var figures = FiguresText.Read(reader.ReadString());
        if (figures is null) MsgPackReader.Throw(ProtocolErrorKind.MissingField, reader.Offset, $"trial {trial.Index} came with figures that are none");
        var report = reported ? new HeldOutReport(distortion, rate, active, rates) { Figures = figures ?? [] } : null;
        var network = reader.TryReadNil() ? null : ReadValues(ref reader, trial, image);
        reader.EndNested();
        return (new SlotEnd(slot, trial, kind, text, new Step(step), epochs, seconds, parameters, report), network);
    }

    private static PackNetwork ReadValues(ref MsgPackReader reader, TrialSpec trial, ImageShape image)
    {
        var values = MemoryMarshal.Cast<byte, float>(reader.ReadBytes());
        var network = PackNetworks.CreateEmpty(trial.Model, training: null, image, 1);
        using var scope = torch.NewDisposeScope();
        var state = network.state_dict().Select(entry => entry.tensor).ToList();
        if (state.Sum(tensor => tensor.numel()) != values.Length)
        {
            network.Dispose();
            MsgPackReader.Throw(ProtocolErrorKind.MissingField, reader.Offset, $"trial {trial.Index} came with {values.Length} weights, which is not the size of its model");
        }

        foreach (var tensor in state)
        {
            var own = tensor.data<float>();
            values[..own.Length].CopyTo(own);
            values = values[own.Length..];
        }

        return network;
    }
}

/// <summary>A trial that has ended. Its model is freed when the last user has let go of it.</summary>
internal sealed class KeptEnd(SlotEnd end, PackNetwork? network)
{
    private readonly Lock _gate = new();
    private int _users = 1;

    /// <summary>How it ended.</summary>
    public SlotEnd End => end;

    /// <summary>Its model on the host; null when it has none to show.</summary>
    public PackNetwork? Network => network;

    /// <summary>One more user of the model, who must <see cref="Release"/> it. False: it is gone.</summary>
    public bool TryUse()
    {
        lock (_gate)
        {
            if (_users == 0) return false;
            _users++;
            return true;
        }
    }

    /// <summary>One user less.</summary>
    public void Release()
    {
        lock (_gate)
        {
            if (--_users > 0) return;
        }

        network?.Dispose();
    }
}
